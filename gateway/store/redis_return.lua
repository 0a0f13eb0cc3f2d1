-- Returns what was taken in advance, if the window that it was taken from is open still. KEYS 3 counter. ARGV 4 when that window
-- began, 5 how much; below zero: it was used beyond what was taken.
if redis.call('HGET', KEYS[3], 'start') ~= ARGV[4] then return said(0) end
redis.call('HINCRBY', KEYS[3], 'used', string.format('%.0f', -ARGV[5]))
return wrote(1)
