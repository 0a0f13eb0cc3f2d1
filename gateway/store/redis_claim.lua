-- Who executes? `claim` of gateway/model/transitions.py. KEYS 3 row, 4… counters. ARGV 4 fingerprint, 5 call, 6 owner,
-- 7 lease (s), 8 token, 9 '1' to depart in the same step, 10 how young a doubt may be claimed anew (s; '' at no age), 11 grace
-- (s), 12 record, 13 what it is about, 14 the record guarded beside ('' where none is), 15 what that is about, 16… of each
-- counter what `redis_spend.lua` wants.
local main = read(ARGV[12])
local guarded = ARGV[14] ~= '' and {read(ARGV[14]), main} or {main}

for _, one in ipairs(guarded) do
  if one.state and not one.over then
    age(one)
    if one.fingerprint and one.fingerprint ~= ARGV[4] then return said('mismatch') end -- none: `fate` put the row there
    local free = one.state == 'retryable' or (one.state == 'claimed' and tonumber(one.lease) <= now)
      or (one.state == 'doubt' and young(one, ARGV[10]))
    if not free then
      local kept = one.state == 'done' and redis.call('HGET', one.key, 'kept')
      return said('found', one.state, one.call, one.delivered or '0', one.token, text(tonumber(one.since)), kept, one.record)
    end
  end
end

-- It would win. Where memory is full it must not: after one write that frees memory the server lets all others through, so the
-- first one here is one that it denies (and that changes nothing).
redis.call('SETRANGE', KEYS[2], 0, '')

-- The execution that it goes on with, and since when a send of it is in doubt.
local origin, first = ARGV[5], nil
for _, one in ipairs(guarded) do
  if one.state and one.state ~= 'done' and not one.over then
    origin = one.origin or one.call
    if one.state == 'doubt' then first = math.min(first or now, tonumber(one.first or one.since)) end
  end
end

-- What an overtaken claim reserved goes back first: it was never sent, and can never be now.
local row, state, paid = main.key, main.state, main.paid
if state == 'claimed' and paid then repay(row, paid) end
if #KEYS > 3 then sweep() end
local scarcest, left, resets = short(4, 16)
if scarcest then return said('overspent', scarcest, left, resets, first and '1' or '0') end
if state == 'doubt' and paid then charge(row, paid, {}) end -- it may have been carried out, and nobody will know any more

for _, one in ipairs(guarded) do
  -- The call that this one replaces may have a record that is still open, in a gateway that is down.
  if (one.state == 'done' and one.delivered ~= '1') or one.state == 'doubt' then
    redis.call('SET', '{sallyport}:left:' .. one.call, one.state, 'PX', ms(ARGV[11]))
  end
  -- A doubt that is half taken over is told of under what it still has.
  local other = one.state == 'doubt' and beside(one)
  if other and other.record ~= ARGV[12] and other.record ~= ARGV[14] then
    redis.call('ZADD', DOUBTS, other.since, other.record)
  end
  redis.call('ZREM', DOUBTS, one.record)
end

local receipts, levels = pay(4, 16)
local departing = ARGV[9] == '1'
for _, one in ipairs(guarded) do
  redis.call('DEL', one.key)
  redis.call('HSET', one.key, 'state', departing and 'sent' or 'claimed', 'fingerprint', ARGV[4], 'call', ARGV[5],
    'owner', ARGV[6], 'lease', text(now + ARGV[7]), 'token', ARGV[8], 'since', text(now),
    'about', one == main and ARGV[13] or ARGV[15], 'origin', origin)
  if first then redis.call('HSET', one.key, 'first', text(first)) end
  if not departing and not first then redis.call('PEXPIRE', one.key, ms(ARGV[7] + ARGV[11])) end
end
if receipts ~= '' and not departing then redis.call('ZADD', UNSENT, now + ARGV[7], row) end
redis.call('HSET', row, 'paid', receipts)
if ARGV[14] ~= '' then
  redis.call('HSET', row, 'also', ARGV[14])
  redis.call('HSET', guarded[1].key, 'also', ARGV[12])
end
if departing or first then redis.call('ZADD', SENT, now + ARGV[7], ARGV[12]) end
return wrote('won', levels, origin, first and '1' or '0')
