-- Several rows, whole. KEYS the rows.
local listed = {}
for n, row in ipairs(KEYS) do listed[n] = redis.call('HGETALL', row) end
return listed
