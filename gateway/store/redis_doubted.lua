-- Whether a record is in doubt under a token, and which record is guarded beside it. KEYS 3 row. ARGV 4 token, 5 record.
local row = read(ARGV[5])
if row.token ~= ARGV[4] then return said('lost') end
age(row)
if row.state ~= 'doubt' then return said('lost') end
return said('doubt', row.also or '')
