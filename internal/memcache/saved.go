// The serialised values of a packed cache, for whoever keeps them over a restart.

package memcache

import "runtime"

// piece is how many bytes of records are copied under a shard's lock at once.
const piece = 64 << 10

// Each calls f for each key and value, serialised, the oldest first; those in front come last. f
// may keep neither. The cache is in use meanwhile: what is stored or evicted while Each runs may be
// left out.
func (c *Packed[K, V]) Each(f func(key, value []byte) error) error {
	if err := c.eachRecord(f); err != nil {
		return err
	}
	var key, value []byte
	for k, v := range c.front.All() {
		key, value = c.codec.AppendKey(key[:0], k), c.codec.Append(value[:0], k, v)
		if err := f(key, value); err != nil {
			return err
		}
	}
	return nil
}

// eachRecord calls f for each serialised key and value that is not in front.
func (c *Packed[K, V]) eachRecord(f func(key, value []byte) error) error {
	var buf []byte
	for _, s := range c.rings.Load().all() {
		at := position{}
		for left := len(s.ring.mem); left > 0; { // a ring's worth, however much is stored meanwhile
			buf = s.copyFrom(&at, buf[:0])
			if len(buf) == 0 {
				break
			}
			left -= len(buf)
			for b := buf; len(b) > 0; {
				rec := record(b[:unit*(int(b[4])|int(b[5])<<8)])
				if err := f(rec.key(), rec.value()); err != nil {
					return err
				}
				b = b[len(rec):]
			}
			runtime.Gosched()
		}
	}
	return nil
}

// copyFrom appends the live records from a position on, up to a piece, and moves the position on.
func (s *packedShard) copyFrom(at *position, to []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(to) < piece {
		_, rec := s.ring.following(at)
		if rec == nil {
			break
		}
		if !rec.has(dead) {
			to = append(to, rec...)
		}
	}
	return to
}

// Restore stores a value that was serialised by this version of the codec, unless there is one for
// its key. It returns false if they are not valid.
func (c *Packed[K, V]) Restore(key, value []byte) bool {
	k, ok := c.codec.ParseKey(key)
	if !ok {
		return false
	}
	hash := c.front.hash(k)
	if old := c.rings.Load().old; old != nil {
		s := old.lock(hash, func(b []byte) []byte { return append(b, key...) })
		_, rec := s.find(hash)
		s.mu.Unlock()
		if rec != nil {
			return true
		}
	}
	s := c.lock(k, hash)
	defer s.mu.Unlock()
	if _, rec := s.find(hash); rec == nil {
		c.put(s, value, hash)
	}
	return true
}
