-- The lease of what is sent begins anew, under both its records. ARGV 4 token, 5 lease (s), 6 record, 7 the record guarded beside
-- ('' where none is).
for _, record in ipairs(ARGV[7] ~= '' and {ARGV[6], ARGV[7]} or {ARGV[6]}) do
  local row = read(record)
  if row.state == 'sent' and row.token == ARGV[4] then
    redis.call('HSET', row.key, 'lease', text(now + ARGV[5]))
    redis.call('ZADD', SENT, 'XX', now + ARGV[5], record)
  end
end
return said('renewed')
