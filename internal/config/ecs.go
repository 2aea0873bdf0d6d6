// Reading what clients' networks are sent with.

package config

import (
	"fmt"

	"bailiwick/resolver"
	"bailiwick/wire"
)

// tailoredTypes reads a list of the types of record that are asked for with clients' networks.
func tailoredTypes(list []string) ([]wire.Type, error) {
	return goodItems(list, func(s string) (wire.Type, error) {
		t, ok := wire.ParseType(s)
		if !ok || !resolver.TailoredType(t) {
			return t, fmt.Errorf("%q is not a type whose records may depend on the client, such "+
				"as A or TXT", s)
		}
		return t, nil
	})
}
