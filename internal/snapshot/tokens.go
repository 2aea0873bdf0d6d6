// The tokens of the API.

package snapshot

import (
	"bailiwick/internal/config"
	"bailiwick/internal/console"
)

// loadTokens reads the tokens that the configuration names, nil for none.
func loadTokens(cfg *config.Config) (*console.Tokens, config.Findings) {
	if cfg.Console.TokenFile == "" {
		return nil, nil
	}
	t, err := console.LoadTokens(cfg.Console.TokenFile)
	if err != nil {
		return nil, config.Findings{cfg.Error("api.token_file", "%v", err)}
	}
	return t, nil
}
