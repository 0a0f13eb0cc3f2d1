-- Shared budgets: a counter is a hash {start, used, held, label} of the window that is open by the store's clock. Counters are
-- the KEYS from `first` on; ARGV from `from` on holds of each: window (s, 0 for a whole life), limit, amount, unit, label.
local EACH, LIFE = 5, 2592000
local COUNTERS, UNSENT = '{sallyport}:counters', '{sallyport}:unsent'
local function whole(amount) return string.format('%.0f', amount) end

local function opened(counter, window)
  local start = window > 0 and math.floor(now / window) * window or 0
  local known, used, held = unpack(redis.call('HMGET', counter, 'start', 'used', 'held'), 1, 3)
  if known and tonumber(known) >= start then -- not only equal: a clock that steps back opens no spent window
    return tonumber(known), tonumber(used), tonumber(held)
  end
  return start, 0, 0
end

-- The first counter without room for its amount, what is left there, and when it resets ('' never); nil where all have room.
local function short(first, from)
  for n = first, #KEYS do
    local at = from + EACH * (n - first)
    local window = tonumber(ARGV[at])
    local start, used, held = opened(KEYS[n], window)
    local left = ARGV[at + 1] - used - held
    if left < tonumber(ARGV[at + 2]) then
      return n - first, whole(math.max(left, 0)), window > 0 and text(start + window) or ''
    end
  end
end

local function write(counter, at, start, used, held)
  local window = tonumber(ARGV[at])
  local stays = window > 0 and 2 * window or LIFE
  redis.call('HSET', counter, 'start', whole(start), 'used', whole(used), 'held', whole(held), 'label', ARGV[at + 4])
  redis.call('PEXPIRE', counter, ms(stays))
  redis.call('ZADD', COUNTERS, now + stays, counter)
end

-- Reserves of every counter; returns what `charge` needs (each counter with window, amount and unit), and how far each is
-- spent then.
local function pay(first, from)
  local receipts, levels = {}, {}
  for n = first, #KEYS do
    local at = from + EACH * (n - first)
    local start, used, held = opened(KEYS[n], tonumber(ARGV[at]))
    write(KEYS[n], at, start, used, held + ARGV[at + 2])
    receipts[#receipts + 1] = table.concat({KEYS[n], whole(start), ARGV[at + 2], ARGV[at + 3]}, ' ')
    levels[#levels + 1] = whole(used + held + ARGV[at + 2])
  end
  return table.concat(receipts, ' '), levels
end

-- Ends a reservation in every window that holds it and is still open, once: the row forgets it. `used` says by unit what the
-- call came to; a unit that it does not name is charged as it was reserved.
local function charge(row, receipts, used)
  for counter, start, amount, unit in string.gmatch(receipts, '(%S+) (%S+) (%S+) (%S+)') do
    if redis.call('HGET', counter, 'start') == start then
      redis.call('HINCRBY', counter, 'held', '-' .. amount)
      redis.call('HINCRBY', counter, 'used', whole(used[unit] or amount))
    end
  end
  redis.call('HDEL', row, 'paid')
end

local NOTHING = {calls = 0, mutating = 0, bytes = 0, tokens = 0, money = 0}
local function repay(row, receipts) charge(row, receipts, NOTHING) end

-- What gateways reserved that died before they sent: it was never sent, and can never be now.
local function sweep()
  for _, row in ipairs(redis.call('ZRANGEBYSCORE', UNSENT, '-inf', now, 'LIMIT', 0, 8)) do
    local state, lease, paid = unpack(redis.call('HMGET', row, 'state', 'lease', 'paid'), 1, 3)
    if state == 'claimed' and tonumber(lease) <= now and paid then repay(row, paid) end
    redis.call('ZREM', UNSENT, row)
  end
end

