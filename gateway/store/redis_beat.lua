-- One look per second at the server's memory. KEYS 1 generation, 2 beat, 3 version of the kill switch, 4 version of the ended
-- sessions. ARGV 1 the generation this gateway knows ('' none), 2 the highest beat it has seen, 3 1 to move the beat: only
-- where nothing is wrong and the server has settled, so that a memory that went back stays visible to everybody.
local generation = redis.call('GET', KEYS[1]) or ''
local beat = tonumber(redis.call('GET', KEYS[2]) or 0)
local writable = 1
if ARGV[3] == '1' and generation == ARGV[1] and beat >= tonumber(ARGV[2]) then
  local moved = redis.pcall('INCR', KEYS[2])
  if type(moved) == 'number' then beat = moved else writable = 0 end
end
return {generation, beat, redis.call('GET', KEYS[3]) or '0', redis.call('GET', KEYS[4]) or '0', writable}
