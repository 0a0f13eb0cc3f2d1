-- Replaces the generation, if it still is what was judged. KEYS 1 generation, 2 the mark of the secret. ARGV 1 what it was
-- ('' none), 2 what it becomes, 3 the mark that goes with it ('' leaves it).
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3]) end
return 1
