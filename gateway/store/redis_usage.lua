-- How counters stand, page by page. ARGV 4 the first, 5 the last of the page. Answers with the time and with label, start, used
-- and held of each.
sweep()
redis.call('ZREMRANGEBYSCORE', COUNTERS, '-inf', now)
local rows = {}
for n, counter in ipairs(redis.call('ZRANGE', COUNTERS, ARGV[4], ARGV[5])) do
  rows[n] = redis.call('HMGET', counter, 'label', 'start', 'used', 'held')
end
return said(text(now), rows)
