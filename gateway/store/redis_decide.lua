-- The first decision is final. KEYS 1 row, 2 all by end. ARGV 1 now, 2 id, 3 'approved' or 'denied', 4 the vote, 5 how long a
-- denial stands (s), 6 channel. Answers with the row afterwards.
local now = tonumber(ARGV[1])
local state, binding, expires = seen(KEYS[1], now)
if state == 'expired' then
  becomes(KEYS[1], ARGV[2], 'expired')
elseif state == 'pending' then
  local stands = ARGV[3] == 'approved' and redis.call('HGET', KEYS[1], 'use_within_s') or ARGV[5]
  local ends = string.format('%.17g', now + stands)
  redis.call('HSET', KEYS[1], 'vote', ARGV[4], 'expires_at', ends)
  becomes(KEYS[1], ARGV[2], ARGV[3])
  redis.call('ZADD', KEYS[2], ends, ARGV[2])
  if ARGV[3] == 'denied' then
    redis.call('SET', named('denied', binding), ARGV[2], 'PX', string.format('%.0f', stands * 2000))
  end
  redis.call('PUBLISH', ARGV[6], 'approval:' .. ARGV[2])
end
return redis.call('HGETALL', KEYS[1])
