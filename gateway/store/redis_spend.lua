-- Shared budgets: a counter is a hash {start, used} of the window that is open by the store's clock. Counters are the
-- KEYS from `first` on; ARGV from `from` on holds the window (s) and the limit of each.
local function opened(counter, window)
  local start = now - now % window
  local known, used = unpack(redis.call('HMGET', counter, 'start', 'used'), 1, 2)
  if known and tonumber(known) >= start then -- not only equal: a clock that steps back opens no spent window
    return tonumber(known), tonumber(used)
  end
  return start, 0
end

-- Calls left in the scarcest counter, which one that is, and when it resets; nil without counters.
local function room(first, from)
  local least, scarcest, resets
  for n = first, #KEYS do
    local at = from + 2 * (n - first)
    local start, used = opened(KEYS[n], tonumber(ARGV[at]))
    local left = tonumber(ARGV[at + 1]) - used
    if not least or left < least then least, scarcest, resets = left, n - first, start + ARGV[at] end
  end
  return least, scarcest, resets
end

-- Takes `calls` from every counter; returns what `repay` needs: each counter with the window that paid.
local function pay(first, from, calls)
  local receipts = {}
  for n = first, #KEYS do
    local window = tonumber(ARGV[from + 2 * (n - first)])
    local start, used = opened(KEYS[n], window)
    local stamp = string.format('%d', start)
    redis.call('HSET', KEYS[n], 'start', stamp, 'used', used + calls)
    redis.call('PEXPIRE', KEYS[n], ms(2 * window))
    receipts[#receipts + 1] = KEYS[n] .. ' ' .. stamp
  end
  return table.concat(receipts, ' ')
end

-- Gives one call back to every window that paid and is still open, once: the row forgets that it had paid.
local function repay(row, receipts)
  for counter, stamp in string.gmatch(receipts, '(%S+) (%S+)') do
    if redis.call('HGET', counter, 'start') == stamp then redis.call('HINCRBY', counter, 'used', -1) end
  end
  redis.call('HDEL', row, 'paid')
end

