-- What every step of the ledger begins with: does this server still remember what this gateway knows (ledger §1.8)?
-- KEYS 1 generation, 2 beat. ARGV 1 the generation this gateway knows, 2 the highest beat it has seen, 3 the time (only
-- tests give one; leases and lifetimes go by the server's clock). Every answer begins with the beat; a negative one says
-- which memory is gone. Times are Unix seconds as text: a number in an answer would lose its fraction.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
if tonumber(redis.call('GET', KEYS[2]) or 0) < tonumber(ARGV[2]) then return {-2} end

local now = tonumber(ARGV[3])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end

local function said(...) return {tonumber(redis.call('GET', KEYS[2]) or 0), ...} end
local function wrote(...) return {redis.call('INCR', KEYS[2]), ...} end
local function text(seconds) return string.format('%.6f', seconds) end
local function ms(seconds) return string.format('%.0f', seconds * 1000) end

