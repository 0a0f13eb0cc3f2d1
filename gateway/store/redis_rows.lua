-- Rows of the ledger: a hash for each record, and what is open by time: `sent` by the end of the lease, `doubts` by age.
-- Two records of one call are two rows with the same token; the first names the second (`also`), and only the first stands
-- in the indexes, unless it was taken over since.
local SENT, DOUBTS = '{sallyport}:sent', '{sallyport}:doubts'
local FIELDS = {'state', 'fingerprint', 'call', 'token', 'lease', 'since', 'ends', 'delivered', 'paid', 'also', 'about'}
local STATES = {claimed = true, sent = true, done = true, retryable = true, doubt = true}

-- What stands under a record; `state` is nil where nothing does. A row that cannot be read is in doubt: never absent.
local function read(record)
  local row = {record = record, key = '{sallyport}:claim:' .. record}
  local there = false
  for n, value in ipairs(redis.call('HMGET', row.key, unpack(FIELDS))) do
    row[FIELDS[n]] = value or nil
    there = there or value
  end
  if not there then return row end
  local settled = row.state == 'done' or row.state == 'retryable'
  local sound = STATES[row.state] and row.call and tonumber(row.token) and tonumber(row.lease) and tonumber(row.since)
    and (not settled or tonumber(row.ends))
  if not sound then
    row.state, row.ends = 'doubt', nil
    row.call, row.token, row.since = row.call or '', tonumber(row.token) and row.token or '0', tonumber(row.since) or now
  end
  row.sound, row.over = sound, settled and sound and tonumber(row.ends) <= now
  return row
end

-- The second row of the same call, as long as it is its.
local function beside(row)
  local other = row.also and read(row.also)
  return other and other.state and other.token == row.token and other or nil
end

local function doubt(row)
  row.state = 'doubt'
  redis.call('HSET', row.key, 'state', 'doubt')
  redis.call('PERSIST', row.key) -- a lifetime on what was sent is a duplicate later
  if redis.call('ZREM', SENT, row.record) == 1 or not row.sound then
    redis.call('ZADD', DOUBTS, row.since, row.record)
  end
end

-- What was sent and outlived its lease is in doubt from now on.
local function age(row)
  if row.state == 'sent' and tonumber(row.lease) <= now or row.state and not row.sound then doubt(row) end
end

-- done or retryable for `stays` seconds; whatever could not be read is written anew.
local function settle(row, state, stays, grace, kept)
  redis.call('HSET', row.key, 'state', state, 'ends', text(now + stays), 'call', row.call, 'token', row.token,
    'since', row.since, 'lease', text(now))
  redis.call('PEXPIRE', row.key, ms(stays + grace))
  if kept ~= '' then redis.call('HSET', row.key, 'kept', kept) end
  redis.call('ZREM', SENT, row.record)
  redis.call('ZREM', DOUBTS, row.record)
end
