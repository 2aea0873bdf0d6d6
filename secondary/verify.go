// What is demanded of a zone before it is used (RFC 8976, section 4).

package secondary

import (
	"context"
	"errors"
	"fmt"

	"bailiwick/internal/cause"
	"bailiwick/wire"
	"bailiwick/zone"
)

// The outcomes of a check of a zone's digest, as `bailiwick ctl zones` shows them.
const (
	digestOff      = "not checked"
	digestRight    = "right"    // and signed, if the zone is
	digestAbsent   = "absent"   // and that is proven, if the zone is signed
	digestUnknown  = "unknown"  // of another scheme or algorithm
	digestUnproven = "unproven" // whether it is genuine cannot be told now
)

// weigh decides what the digest alone means for a zone.
func weigh(d Digest, err error) (outcome string, _ error) {
	switch {
	case err == nil:
		return digestRight, nil
	case d == DigestIfPresent && errors.Is(err, zone.ErrNoDigest):
		return digestAbsent, nil
	case d == DigestIfPresent && errors.Is(err, zone.ErrDigestUnknown):
		return digestUnknown, nil
	}
	return "", err
}

// verify returns how it is with the digest of a zone, or why the zone must not be used. That the
// ZONEMD record is genuine, or genuinely absent, is for DNSSEC to prove. Where that cannot be told
// because the zone's parent cannot be asked, a zone whose digest is not required is used all the
// same: its data are validated when they are used, and a private zone must not depend on the public
// network. Unbound 1.22 refuses it.
func (k *Keeper) verify(ctx context.Context, z *Zone, got *zone.Zone) (string, error) {
	if z.Digest == DigestOff {
		return digestOff, nil
	}
	outcome, err := weigh(z.Digest, got.CheckDigest())
	if err != nil {
		return "", err
	}
	status, f := k.parts.Judge(ctx, got, zone.TypeZONEMD)
	switch {
	case status == wire.Secure, f == nil && status != wire.Bogus:
		return outcome, nil
	case f == nil:
		return "", errors.New("its ZONEMD record does not validate")
	case status != wire.Bogus && f.Cause.Kind() == cause.KindInsecure:
		return outcome, nil
	case f.Cause.Kind() == cause.KindDNSSEC:
		return "", fmt.Errorf("its ZONEMD record does not validate: %w", f)
	case z.Digest == DigestRequired:
		return "", fmt.Errorf("its ZONEMD record cannot be validated now: %w", f)
	}
	return digestUnproven, nil
}
