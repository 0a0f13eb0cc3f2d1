-- claimed → sent, and the approval is used up: both or neither. KEYS 3 row, 4 approval (where one is needed). ARGV 4 token,
-- 5 lease (s), 6 record, 7 call, 8 the gateway's time, by which approvals live.
local state, token, lease = unpack(redis.call('HMGET', KEYS[3], 'state', 'token', 'lease'), 1, 3)
if state ~= 'claimed' or token ~= ARGV[4] or tonumber(lease) <= now then return said('lost') end
if KEYS[4] then
  local given, record, expires = unpack(redis.call('HMGET', KEYS[4], 'state', 'record', 'expires_at'), 1, 3)
  if given ~= 'approved' or record ~= ARGV[6] or tonumber(expires) <= tonumber(ARGV[8]) then return said('unapproved') end
  redis.call('HSET', KEYS[4], 'state', 'consumed', 'consumed_by', ARGV[7])
end
redis.call('HSET', KEYS[3], 'state', 'sent', 'lease', text(now + ARGV[5]))
redis.call('PERSIST', KEYS[3])
return wrote('departed')
