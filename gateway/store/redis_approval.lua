-- One approval is a hash; its states as in gateway/model/approval.py. Times are the caller's.
local function named(kind, name) return '{sallyport}:' .. kind .. ':' .. name end

-- State, binding and end of an approval as it stands at `now`: silence and unused answers expire.
local function seen(row, now)
  local state, binding, expires = unpack(redis.call('HMGET', row, 'state', 'binding', 'expires_at'), 1, 3)
  expires = tonumber(expires)
  if (state == 'pending' or state == 'approved') and now >= expires then state = 'expired' end
  return state, binding, expires
end

-- A state it stays in, or waits in no more.
local function becomes(row, id, state)
  redis.call('HSET', row, 'state', state)
  redis.call('ZREM', redis.call('HGET', row, 'waiting'), id)
end

