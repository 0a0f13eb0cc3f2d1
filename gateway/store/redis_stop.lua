-- Puts or lifts one row of the kill switch and tells everybody. KEYS 1 rows, 2 version. ARGV 1 row, 2 what it says ('' lifts
-- it), 3 channel, 4 topic. Answers whether anything changed.
local changed
if ARGV[2] == '' then
  changed = redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  changed = 1
end
if changed == 1 then
  redis.call('INCR', KEYS[2])
  redis.call('PUBLISH', ARGV[3], ARGV[4])
end
return changed
