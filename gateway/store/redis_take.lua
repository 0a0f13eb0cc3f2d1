-- Takes out of a counter in advance. KEYS 3 counter. ARGV 4 how much is wanted, 5 what the taker owes, 6 window, 7 limit, 8 the
-- least that is of use, 9 unit, 10 label. Answers how much was had, and how far the counter is spent then.
redis.call('SETRANGE', KEYS[2], 0, '') -- denied where memory is full, which the first write of `sweep` is not
sweep()
local start, used, held = opened(KEYS[3], tonumber(ARGV[6]))
local left = math.max(ARGV[7] - used - held, 0)
local had = math.min(tonumber(ARGV[4]), left)
if had < tonumber(ARGV[8]) then had = math.min(left, tonumber(ARGV[5])) end
if had < 1 then return said(0, used + held) end
write(KEYS[3], 6, start, used + had, held)
return wrote(had, used + had + held)
