-- Tells of sessions that ended. KEYS 1 tombstones by end, 2 version. ARGV 1 now, 2 channel, 3 topic, 4… end and key of each.
redis.call('ZADD', KEYS[1], 'GT', unpack(ARGV, 4))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
redis.call('INCR', KEYS[2])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
