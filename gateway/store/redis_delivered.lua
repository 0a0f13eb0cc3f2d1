-- The answer has arrived: the row ends sooner, never later. KEYS 3 row. ARGV 4 token, 5 how long it stays from now (s).
local state, token, ends = unpack(redis.call('HMGET', KEYS[3], 'state', 'token', 'ends'), 1, 3)
if state ~= 'done' or token ~= ARGV[4] then return said('lost') end
ends = math.min(tonumber(ends), now + ARGV[5])
if ends <= now then
  redis.call('DEL', KEYS[3])
else
  redis.call('HSET', KEYS[3], 'ends', text(ends), 'delivered', '1')
  redis.call('PEXPIRE', KEYS[3], ms(ends - now))
end
return wrote('held')
