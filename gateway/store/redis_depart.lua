-- claimed → sent, and the approval is used up: both or neither. KEYS 3 row, 4 approval (where one is needed). ARGV 4 token,
-- 5 lease (s), 6 record, 7 call, 8 the gateway's time, by which approvals live, 9 the record guarded beside ('' where none is), 10 how young the
-- first send must be of what is sent again (s, as in `claim`).
local guarded = ARGV[9] ~= '' and {read(ARGV[6]), read(ARGV[9])} or {read(ARGV[6])}
for _, one in ipairs(guarded) do
  if one.state ~= 'claimed' or one.token ~= ARGV[4] or tonumber(one.lease) <= now then return said('lost') end
  if one.first and not young(one, ARGV[10]) then return said('lost') end
end
if KEYS[4] then
  local given, record, expires = unpack(redis.call('HMGET', KEYS[4], 'state', 'record', 'expires_at'), 1, 3)
  if given ~= 'approved' or record ~= ARGV[6] or tonumber(expires) <= tonumber(ARGV[8]) then return said('unapproved') end
  redis.call('HSET', KEYS[4], 'state', 'consumed', 'consumed_by', ARGV[7])
end
for _, one in ipairs(guarded) do
  redis.call('HSET', one.key, 'state', 'sent', 'lease', text(now + ARGV[5]), 'since', text(now))
  redis.call('PERSIST', one.key)
end
redis.call('ZADD', SENT, now + ARGV[5], ARGV[6])
return wrote('departed')
