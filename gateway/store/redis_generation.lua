-- Replaces the generation, if it still is what was judged. KEYS 1 generation. ARGV 1 what it was ('' none), 2 what it becomes.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
