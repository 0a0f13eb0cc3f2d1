-- KEYS 3… counters. ARGV 4 calls wanted, 5… window and limit of each. Answers how many were had.
local left = room(3, 5)
local calls = math.min(tonumber(ARGV[4]), left)
if calls < 1 then return said(0) end
pay(3, 5, calls)
return wrote(calls)
