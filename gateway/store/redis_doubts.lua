-- Every call in doubt, oldest first: record, token, call, fingerprint, since, what it is about, origin, age (s). What was sent and
-- outlived its lease comes in doubt, whoever sent it. ARGV 4 how many to look at, 5 behind how many. Before them where to go
-- on; -1 at the end.
for _, record in ipairs(redis.call('ZRANGEBYSCORE', SENT, '-inf', now, 'LIMIT', 0, ARGV[4])) do
  local row = read(record)
  age(row)
  if row.state ~= 'sent' then redis.call('ZREM', SENT, record) end
end

local found, told, stay = {}, {}, ARGV[5]
local names = redis.call('ZRANGE', DOUBTS, ARGV[5], ARGV[5] + ARGV[4] - 1)
for _, record in ipairs(names) do
  local row = read(record)
  if row.state == 'doubt' and not told[row.token] then
    told[row.token] = row.token ~= '0' -- which is nobody's
    found[#found + 1] = {record, row.token, row.call, row.fingerprint or '', row.since, row.about or '', row.origin or '',
      text(now - row.since)}
  elseif row.state ~= 'doubt' then
    redis.call('ZREM', DOUBTS, record)
    stay = stay - 1
  end
end
return wrote(#names < tonumber(ARGV[4]) and -1 or stay + #names, found)
