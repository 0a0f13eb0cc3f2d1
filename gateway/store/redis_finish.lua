-- The first ending of a token wins. KEYS 3 row. ARGV 4 token, 5 the state it ends in, 6 how long it stays (s), 7 what is
-- kept, sealed, 8 grace (s), 9 channel, 10 topic. An answer that is kept for no time leaves a row that counts as absent: a
-- gateway that dies before its own record is closed asks for it (`fate`).
local row = KEYS[3]
local state, token, paid = unpack(redis.call('HMGET', row, 'state', 'token', 'paid'), 1, 3)
local unsettled = state == 'claimed' or state == 'sent'
local lawful = (ARGV[5] == 'done' and (unsettled or state == 'doubt')) or (ARGV[5] == 'retryable' and unsettled)
  or (ARGV[5] == 'doubt' and (state == 'sent' or state == 'doubt'))
if token ~= ARGV[4] or not lawful then return said('lost') end

redis.call('HSET', row, 'state', ARGV[5])
if ARGV[5] == 'doubt' then
  redis.call('PERSIST', row)
else
  redis.call('HSET', row, 'ends', text(now + ARGV[6]))
  redis.call('PEXPIRE', row, ms(ARGV[6] + ARGV[8]))
end
if ARGV[7] ~= '' then redis.call('HSET', row, 'kept', ARGV[7]) end
if ARGV[5] == 'retryable' and paid then repay(row, paid) end
redis.call('PUBLISH', ARGV[9], ARGV[10])
return wrote('held')
