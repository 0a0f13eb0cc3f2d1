-- The answer has arrived: the row ends sooner, never later. KEYS 3 row. ARGV 4 token, 5 how long it stays from now (s),
-- 6 grace (s). What became of its call outlives the row: the gateway's own record of it may not be on the disk yet.
local state, token, ends, call = unpack(redis.call('HMGET', KEYS[3], 'state', 'token', 'ends', 'call'), 1, 4)
if state ~= 'done' or token ~= ARGV[4] then return said('lost') end
redis.call('SET', '{sallyport}:left:' .. call, state, 'PX', ms(ARGV[6]))
ends = math.min(tonumber(ends), now + ARGV[5])
if ends <= now then
  redis.call('DEL', KEYS[3])
else
  redis.call('HSET', KEYS[3], 'ends', text(ends), 'delivered', '1')
  redis.call('PEXPIRE', KEYS[3], ms(ends - now))
end
return wrote('held')
