-- What became of a call whose gateway is gone. KEYS 3 row, 4 what an overwritten row left. ARGV 4 call, 5 '1' where this
-- memory may have forgotten it, 6 record. Answers with the time, because the caller must know how far back this memory
-- reaches.
local row = read(ARGV[6])
if row.state and (row.call == ARGV[4] or row.call == '') then -- nameless: it cannot be read
  if row.state == 'sent' or not row.sound then
    doubt(row)
    return wrote('doubt', text(now))
  end
  return said(row.state, text(now))
end
local left = redis.call('GET', KEYS[4])
if left or ARGV[5] ~= '1' then return said(left or 'absent', text(now)) end

-- An older call in its row was put there before it (names of calls grow with time); a younger one came after it.
if not row.state or row.call < ARGV[4] then
  redis.call('DEL', row.key)
  redis.call('HSET', row.key, 'state', 'doubt', 'call', ARGV[4], 'lease', text(now), 'token', '0', 'since', text(now))
  redis.call('ZADD', DOUBTS, now, ARGV[6])
end
return wrote('doubt', text(now))
