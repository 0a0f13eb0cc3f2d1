-- Every call in doubt, oldest first: record, token, call, fingerprint, since, what it is about, origin, age (s). What was sent and
-- outlived its lease comes in doubt, whoever sent it. ARGV 4 how many to look at, 5 since when, 6 behind how many of that very
-- moment. Before them where to go on: a moment and how many of it were seen; '' at the end.
for _, record in ipairs(redis.call('ZRANGEBYSCORE', SENT, '-inf', now, 'LIMIT', 0, ARGV[4])) do
  local row = read(record)
  age(row)
  if row.state ~= 'sent' then redis.call('ZREM', SENT, record) end
end

local found, told, moment, seen = {}, {}, ARGV[5], tonumber(ARGV[6])
local page = redis.call('ZRANGEBYSCORE', DOUBTS, ARGV[5], '+inf', 'WITHSCORES', 'LIMIT', ARGV[6], ARGV[4])
for n = 1, #page, 2 do
  local record, row = page[n], read(page[n])
  if page[n + 1] ~= moment then moment, seen = page[n + 1], 0 end
  seen = seen + 1
  if row.state == 'doubt' and not told[row.token] then
    told[row.token] = row.token ~= '0' -- which is nobody's
    found[#found + 1] = {record, row.token, row.call, row.fingerprint or '', row.since, row.about or '', row.origin or '',
      text(now - row.since)}
  elseif row.state ~= 'doubt' then
    redis.call('ZREM', DOUBTS, record)
    seen = seen - 1
  end
end
return wrote(#page < 2 * ARGV[4] and '' or moment, seen, found)
