-- What became of a call whose gateway is gone. KEYS 3 row, 4 what an overwritten row left. ARGV 4 call, 5 '1' where this
-- memory may have forgotten it. Answers with the time, because the caller must know how far back this memory reaches.
local state, call = unpack(redis.call('HMGET', KEYS[3], 'state', 'call'), 1, 2)
if state and call == ARGV[4] then
  if state == 'sent' then
    redis.call('HSET', KEYS[3], 'state', 'doubt')
    return wrote('doubt', text(now))
  end
  return said(state, text(now))
end
local left = redis.call('GET', KEYS[4])
if left or ARGV[5] ~= '1' then return said(left or 'absent', text(now)) end

-- An older call in its row was put there before it (names of calls grow with time); a younger one came after it.
if not state or call < ARGV[4] then
  redis.call('DEL', KEYS[3])
  redis.call('HSET', KEYS[3], 'state', 'doubt', 'call', ARGV[4], 'lease', text(now), 'token', '0', 'since', text(now))
end
return wrote('doubt', text(now))
