// Profiles: what the defaults are made for.

package config

import "time"

// Profile is what the defaults are made for.
type Profile uint8

// The profiles.
const (
	ProfileServer Profile = iota // many clients
	ProfileStub                  // the programs of one machine, with little memory and few wake-ups
)

// profileKey stands before all other keys, as it gives them other defaults.
var profileKey = key{key: "profile", kind: kindChoice, choices: []string{"server", "stub"},
	help: "what the defaults of other keys are made for: server: many clients; stub: the " +
		"programs of one machine, with little memory, and a server that rests while nobody asks",
	binding: bindChoice(func(c *Config) *Profile { return &c.Profile }, ProfileServer, ProfileStub)}

// followProfile gives keys the defaults of the profile.
func (c *Config) followProfile() {
	if c.Profile != ProfileStub {
		return
	}
	c.Cache.Memory = 4 << 20 // some thousand names
	c.Secondary.Octets = 16 << 20
	c.Resolver.MaxFlights, c.Resolver.ServerQuota = 256, 128
	c.Resolver.ECS.Memory = 1 << 20
	c.Resolver.Validation.SignatureCache = 4096
	c.Transport.Gate.Max, c.Transport.Gate.Memory = 128, 4<<20
	c.Recorder.Keep = 10
	c.Service.Rest = 10 * time.Second
	c.profiled = map[string]bool{}
	for i := range keys {
		k := &keys[i]
		if text := k.render(k.valueOf(c)); k.key != profileKey.key && text != c.text[k.key] {
			c.text[k.key], c.profiled[k.key] = text, true
		}
	}
}
