// The values of a packed cache, for whoever shows them.

package memcache

// Visit calls f for each key and value, decoded, until f returns an error. No lock is held
// meanwhile, so f may take its time, and one piece of a shard is copied at once. What is stored or
// evicted while it runs may be left out, or come twice.
func (c *Packed[K, V]) Visit(f func(K, V) error) error {
	for k, v := range c.front.All() {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return c.eachRecord(func(key, value []byte) error {
		k, ok := c.codec.ParseKey(key)
		if !ok {
			return nil
		}
		if h := c.front.hash(k); c.front.shardOf(h).find(k, h) != nil {
			return nil // it has been visited in front
		}
		v, ok := c.codec.Parse(k, value)
		if !ok {
			return nil
		}
		return f(k, v)
	})
}
