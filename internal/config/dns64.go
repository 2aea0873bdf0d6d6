// NAT64: the prefix of a translator.

package config

import "bailiwick/internal/nat64"

func setNAT64(c *Config, v value) (err error) {
	if c.Resolver.NAT64 = (nat64.Prefix{}); v.text == "" {
		return nil
	}
	c.Resolver.NAT64, err = nat64.ParsePrefix(v.text)
	return err
}
