-- Who executes? `claim` of gateway/model/transitions.py. KEYS 3 row, 4… counters. ARGV 4 fingerprint, 5 call, 6 owner,
-- 7 lease (s), 8 token, 9 '1' to depart in the same step, 10 '1' where a doubt may be claimed anew, 11 grace (s),
-- 12… window and limit of each counter.
local row = KEYS[3]
local state, fingerprint, call, token, lease, since, ends, delivered, kept, paid = unpack(redis.call('HMGET', row,
  'state', 'fingerprint', 'call', 'token', 'lease', 'since', 'ends', 'delivered', 'kept', 'paid'), 1, 10)

if state and not (ends and tonumber(ends) <= now) then
  if fingerprint and fingerprint ~= ARGV[4] then return said('mismatch') end -- none: `fate` put the row there
  local over = tonumber(lease) <= now
  if state == 'sent' and over then
    state = 'doubt'
    redis.call('HSET', row, 'state', state)
  end
  local free = state == 'retryable' or (state == 'claimed' and over) or (state == 'doubt' and ARGV[10] == '1')
  if not free then return said('found', state, call, delivered or '0', token, since, kept) end
end

-- It would win. What an overtaken claim paid goes back first: it was never sent, and can never be now.
if state == 'claimed' and paid then repay(row, paid) end
local left, scarcest, resets = room(4, 12)
if left and left < 1 then return said('overspent', scarcest, text(resets)) end

-- The call that this one replaces may have a record that is still open, in a gateway that is down.
if (state == 'done' and delivered ~= '1') or state == 'doubt' then
  redis.call('SET', '{sallyport}:left:' .. call, state, 'PX', ms(ARGV[11]))
end
local receipts = pay(4, 12, 1)
local departing = ARGV[9] == '1'
redis.call('HSET', row, 'state', departing and 'sent' or 'claimed', 'fingerprint', ARGV[4], 'call', ARGV[5],
  'owner', ARGV[6], 'lease', text(now + ARGV[7]), 'token', ARGV[8], 'since', text(now), 'paid', receipts)
redis.call('HDEL', row, 'ends', 'delivered', 'kept')
if departing then
  redis.call('PERSIST', row) -- a lifetime on what was sent is a duplicate later
else
  redis.call('PEXPIRE', row, ms(ARGV[7] + ARGV[11]))
end
return wrote('won')
