// Reading what clients' networks are sent with.

package config

import (
	"errors"
	"fmt"

	"bailiwick/resolver"
	"bailiwick/wire"
)

// tailoredTypes reads a list of the types of record that are asked for with clients' networks.
func tailoredTypes(list []string) (out []wire.Type, _ error) {
	var errs []error
	for i, s := range list {
		t, ok := wire.ParseType(s)
		if !ok || !resolver.TailoredType(t) {
			errs = append(errs, inItem(i, fmt.Errorf("%q is not a type whose records may "+
				"depend on the client, such as A or TXT", s)))
			continue
		}
		out = append(out, t)
	}
	return out, errors.Join(errs...)
}
