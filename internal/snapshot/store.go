package snapshot

import (
	"bailiwick/internal/config"
	"bailiwick/internal/fleet"
)

// LoadStore completes the configuration of a fleet with what it takes to use its store, but for
// the secrets that records are signed with: who only counts nodes needs none.
func LoadStore(cfg *config.Config) (fleet.Settings, config.Findings) {
	without := *cfg
	without.Fleet.SecretFile = ""
	return loadFleet(&without)
}
