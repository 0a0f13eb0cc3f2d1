-- What became of a call whose gateway is gone. KEYS 3 row, 4 what an overwritten row left. ARGV 4 call. Answers with the
-- time, because the caller must know how far back this memory reaches.
local state, call = unpack(redis.call('HMGET', KEYS[3], 'state', 'call'), 1, 2)
if state and call == ARGV[4] then
  if state == 'sent' then
    redis.call('HSET', KEYS[3], 'state', 'doubt')
    return wrote('doubt', text(now))
  end
  return said(state, text(now))
end
return said(redis.call('GET', KEYS[4]) or 'absent', text(now))
