package resolver_test

import (
	"testing"
	"testing/synctest"

	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// RFC 9905, section 2: a zone that is signed with RSA/SHA-1 (algorithms 5 and 7) alone is insecure,
// and the client learns why (RFC 8914, section 4.2). The operator can have it validated, as
// implementations have to support it.
func TestRFC9905RSASHA1IsInsecureUnlessSwitchedOn(t *testing.T) {
	for _, name := range []string{"www.rsasha1.example.", "www.rsasha1nsec3.example.",
		"no.rsasha1nsec3.example."} {
		for on, want := range map[bool]wire.Security{false: wire.Insecure, true: wire.Secure} {
			synctest.Test(t, func(t *testing.T) {
				in := newInternet(t)
				in = newWorld(t, in.world, func(c *resolver.Config) {
					if on {
						c.Validation.SHA1 = on
					}
				})
				a := in.resolve(name, wire.TypeA)
				if a.RCode == servFail || a.Status != want {
					t.Errorf("%s, sha1 %v: %s %s (%v)", name, on, a.RCode, a.Status, a.Failure)
				}
				if told := a.Failure != nil; told == on ||
					told && a.Failure.Cause != cause.AlgorithmUnsupported {
					t.Errorf("%s, sha1 %v: the client is told %v", name, on, a.Failure)
				}
			})
		}
	}
}
