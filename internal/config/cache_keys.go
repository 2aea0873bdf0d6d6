// The keys of memory and of the caches.

package config

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"bailiwick/resolver"
	"bailiwick/wire"
)

// cacheKeys are the rows of memory, of the caches and of what is kept in them.
var cacheKeys = []key{
	{key: "memory.total", kind: kindSize, min: 0, max: 1 << 40,
		help: "bytes that the process takes at most; what is not set of cache.memory and " +
			"connections.memory gets a part of it; 0: as much as all other limits allow together",
		binding: bind(func(c *Config) *int64 { return &c.Total })},
	{key: "cache.memory", kind: kindSize, min: 1 << 20, max: 1 << 40,
		help:    "bytes for everything that is remembered",
		binding: bind(func(c *Config) *int { return &c.Cache.Memory })},
	{key: "cache.save_interval", kind: kindDuration, min: 0, max: 86400,
		help: "how often the caches are saved in state.directory, and at the end, so that a " +
			"restart or an upgrade begins with them; 0: never, and nothing is loaded",
		binding: bind(func(c *Config) *time.Duration { return &c.Service.SaveInterval })},
	{key: "cache.min_ttl", kind: kindDuration, min: 0, max: 86400,
		help:    "least time that data are kept",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.Min })},
	{key: "cache.max_ttl", kind: kindDuration, min: 0, max: 604800,
		help:    "most time that data are kept",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.Max })},
	{key: "cache.min_negative_ttl", kind: kindDuration, min: 0, max: 86400,
		help:    "least time that denials are kept",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.MinNegative })},
	{key: "cache.max_negative_ttl", kind: kindDuration, min: 0, max: 604800,
		help:    "most time that denials are kept",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.MaxNegative })},
	{key: "cache.aggressive_nsec", kind: kindBool,
		help:    "answer from proven denials (RFC 8198)",
		binding: bind(func(c *Config) *bool { return &c.Resolver.AggressiveNSEC })},

	{key: "cache.prefetch", kind: kindBool,
		help:    "resolve again what is asked for in the last tenth of its time",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Prefetch })},

	{key: "stale.enabled", kind: kindBool,
		help: "answer with data that have ended while fresh ones cannot be had (RFC 8767): " +
			"never with bogus ones, nor with DS and DNSKEY",
		binding: bind(func(c *Config) *bool { return &c.Resolver.Stale.Enabled })},
	{key: "stale.max_age", kind: kindDuration, min: 1, max: 604800,
		help:    "how long after their end data may be served",
		binding: bind(func(c *Config) *time.Duration { return &c.Cache.MaxStale })},
	{key: "stale.ttl", kind: kindDuration, min: 1, max: 3600,
		help:    "TTL of stale data in answers",
		binding: bind(func(c *Config) *time.Duration { return &c.Resolver.Stale.TTL })},
	{key: "stale.client_timeout", kind: kindDuration, min: 0, max: 5,
		help: "how long a client waits for fresh data before it gets stale ones; 0: it gets " +
			"stale ones at once, and fresh ones are fetched meanwhile; 5s: it gets them only " +
			"when fresh ones cannot be had",
		binding: bind(func(c *Config) *time.Duration { return &c.Resolver.Stale.ClientTimeout })},
	{key: "stale.retry", kind: kindDuration, min: 1, max: 3600,
		help: "least time between attempts to get fresh data that fail; meanwhile clients get " +
			"stale ones at once",
		binding: bind(func(c *Config) *time.Duration { return &c.Resolver.Stale.Retry })},

	{key: "warm.names", kind: kindList,
		help: "names that are always fresh in the cache, each with the types that are, A and " +
			"AAAA where none stands: \"www.example\" or \"example MX TXT\"",
		binding: bindList(func(c *Config) *[]resolver.WarmName { return &c.Resolver.WarmNames },
			warmNames)},
	{key: "warm.zones", kind: kindList,
		help: "zones whose NS, SOA, DS and DNSKEY sets are always fresh in the cache",
		binding: bindList(func(c *Config) *[]wire.Name { return &c.Resolver.WarmZones },
			domainNames)},
}

// warmNames reads names with types.
func warmNames(list []string) ([]resolver.WarmName, error) { return goodItems(list, warmName) }

func warmName(s string) (n resolver.WarmName, err error) {
	words := strings.Fields(s)
	if len(words) == 0 {
		return n, errors.New("an entry has no name")
	}
	if n.Name, err = wire.ParseName(words[0]); err != nil {
		return n, fmt.Errorf("%q is not a name: %w", words[0], err)
	}
	for _, w := range words[1:] {
		t, ok := wire.ParseType(w)
		if !ok || t == wire.TypeNone || t.IsMeta() {
			return n, fmt.Errorf("%q is not a type of data such as AAAA", w)
		}
		n.Types = append(n.Types, t)
	}
	if len(n.Types) == 0 {
		n.Types = []wire.Type{wire.TypeA, wire.TypeAAAA}
	}
	return n, nil
}
