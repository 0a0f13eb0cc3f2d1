-- Rows of the ledger: a hash for each record, and what is open by time: `sent` by the end of the lease, `doubts` by age.
-- Two records of one call are two rows with the same token that name each other (`also`); the first alone stands in the
-- indexes, unless it was taken over since.
local SENT, DOUBTS = '{sallyport}:sent', '{sallyport}:doubts'
local FIELDS = {'state', 'fingerprint', 'call', 'token', 'lease', 'since', 'ends', 'delivered', 'paid', 'also', 'about',
  'origin', 'first'}
local STATES = {claimed = true, sent = true, done = true, retryable = true, doubt = true}

local function number(value) return value and string.match(value, '^%d+%.?%d*$') and tonumber(value) end

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
  local sound = STATES[row.state] and row.call and string.match(row.token or '', '^%d+$') and number(row.lease) and number(row.since)
    and (not settled or number(row.ends))
  if not sound then
    row.state, row.call = 'doubt', row.call or ''
    row.token, row.since = string.match(row.token or '', '^%d+$') or '0', number(row.since) and row.since or text(now)
  end
  row.sound, row.over = sound, sound and settled and number(row.ends) <= now
  return row
end

-- The other row of the same call, as long as it is its.
local function beside(row)
  local other = row.also and read(row.also)
  return other and other.state and other.token == row.token and other or nil
end

-- Sent once, at least: now or, where it was claimed to be sent again, at `first`, which is in doubt.
local function sent(row) return row.state == 'sent' or (row.state == 'claimed' and row.first) end

-- Whether what is in doubt may be sent again: `within` s after its first send ('' never, 'inf' always).
local function young(row, within)
  local first = tonumber(row.first or row.since)
  return within == 'inf' or (within ~= '' and now >= first and now - first < tonumber(within))
end

-- In doubt, under both records.
local function doubt(row)
  local other = beside(row)
  for _, one in ipairs(other and sent(other) and {row, other} or {row}) do
    one.state = 'doubt'
    redis.call('HSET', one.key, 'state', 'doubt')
    redis.call('PERSIST', one.key) -- a lifetime on what was sent is a duplicate later
    if redis.call('ZREM', SENT, one.record) == 1 or not one.sound then
      redis.call('ZADD', DOUBTS, one.since, one.record)
    end
  end
end

-- What was sent and outlived its lease is in doubt from now on; so is what was claimed to be sent again, and was not.
local function age(row)
  if (sent(row) and tonumber(row.lease) <= now) or (row.state and not row.sound) then doubt(row) end
end

-- done or retryable for `stays` seconds; whatever could not be read is written anew.
local function settle(row, state, stays, grace, kept)
  redis.call('HSET', row.key, 'state', state, 'ends', text(now + stays), 'call', row.call, 'token', row.token,
    'since', row.since, 'lease', text(now))
  redis.call('HDEL', row.key, 'first')
  redis.call('PEXPIRE', row.key, ms(stays + grace))
  if kept ~= '' then redis.call('HSET', row.key, 'kept', kept) end
  redis.call('ZREM', SENT, row.record)
  redis.call('ZREM', DOUBTS, row.record)
end
