-- The approval that stands for a call, else a new question. KEYS 1 ids of the record, 2 row of the new one, 3 those of its
-- agent that wait, 4 all by age, 5 all by end, 6 the denial of its binding. ARGV 1 now, 2 id, 3 binding, 4 end, 5 how long
-- ended ones are kept (s), 6 how many may wait, 7 channel, 8… fields of the new row.
local now = tonumber(ARGV[1])
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now - ARGV[5], 'LIMIT', 0, 8)) do
  local row = named('approval', id)
  local record = redis.call('HGET', row, 'record')
  if record then redis.call('SREM', named('approvals-of', record), id) end
  redis.call('DEL', row)
  redis.call('ZREM', KEYS[4], id)
  redis.call('ZREM', KEYS[5], id)
end

local standing
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local row = named('approval', id)
  local state, binding, expires = seen(row, now)
  local open = state == 'pending' or state == 'approved'
  if binding == ARGV[3] and (open or (state == 'denied' and now < expires)) then
    standing = id
  elseif open then
    becomes(row, id, 'void')
    redis.call('PUBLISH', ARGV[7], 'approval:' .. id)
  end
end
if not standing then -- a no to the same question under another key
  local id = redis.call('GET', KEYS[6])
  local state, _, expires = seen(named('approval', id or ''), now)
  if state == 'denied' and now < expires then standing = id end
end
if standing then return {'stands', standing, redis.call('HGETALL', named('approval', standing))} end

redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[6]) then return {'full'} end
redis.call('HSET', KEYS[2], unpack(ARGV, 8))
redis.call('SADD', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[2])
redis.call('ZADD', KEYS[4], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[5], ARGV[4], ARGV[2])
return {'asked'}
