-- The first ending of a token wins. KEYS 3 row. ARGV 4 token, 5 the state it ends in, 6 how long it stays (s), 7 what is kept,
-- sealed, 8 grace (s), 9 channel, 10 record, 11 the record guarded beside ('' where none is), 12 how long that stays (s), 13
-- what that keeps, 14 '1' by the word of a probe or a person about what was found in doubt, 15 what the call used by unit, JSON
-- ('' all that it reserved). An answer that is kept for no time leaves a row that counts as absent: a gateway that dies before
-- its own record is closed asks for it (`fate`).
local main = read(ARGV[10])
local row, paid = main.key, main.paid

local function ends(one, stays, kept)
  local unsettled = one.state == 'claimed' or one.state == 'sent'
  local lawful = (ARGV[5] == 'done' and (unsettled or one.state == 'doubt'))
    or (ARGV[5] == 'retryable' and (unsettled or (one.state == 'doubt' and ARGV[14] == '1')))
    or (ARGV[5] == 'doubt' and (one.state == 'sent' or one.state == 'doubt'))
  if one.token ~= ARGV[4] or not lawful then return false end
  -- What was sent again goes back into doubt: that it was not sent this time says nothing of the first.
  if ARGV[5] == 'doubt' or (ARGV[5] == 'retryable' and one.first and ARGV[14] ~= '1') then doubt(one) else settle(one, ARGV[5], stays, ARGV[8], kept) end
  return true
end

local held = ends(main, ARGV[6], ARGV[7])
if held and paid then
  if ARGV[5] == 'retryable' then repay(row, paid) end
  if ARGV[5] == 'done' then charge(row, paid, ARGV[15] ~= '' and cjson.decode(ARGV[15]) or {}) end
end
if ARGV[11] ~= '' and (held or ARGV[14] ~= '1') then held = ends(read(ARGV[11]), ARGV[12], ARGV[13]) or held end
if not held then return said('lost') end
redis.call('PUBLISH', ARGV[9], ARGV[10])
return wrote('held')
