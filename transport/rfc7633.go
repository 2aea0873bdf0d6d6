// Certificates that promise an OCSP response.

package transport

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
)

// errMustStaple is the error of a certificate that this server cannot be known by.
var errMustStaple = errors.New("it promises an OCSP response with each handshake (must-staple, " +
	"RFC 7633), and this server sends none: clients that heed the promise end the connection; " +
	"have one issued without it")

// tlsFeature is the extension of certificates that has what clients may demand of their servers,
// and statusRequest and statusRequestV2 are the features that are OCSP responses (RFC 7633, section
// 4.2.1).
var tlsFeature = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}

const statusRequest, statusRequestV2 = 5, 17

// CheckFeatures returns what a certificate promises to clients that this server does not do; nil if
// there is nothing. An extension that cannot be read promises nothing that a client could read.
func CheckFeatures(leaf *x509.Certificate) error {
	for _, e := range leaf.Extensions {
		var features []int
		if !e.Id.Equal(tlsFeature) {
			continue
		}
		if _, err := asn1.Unmarshal(e.Value, &features); err == nil &&
			(slices.Contains(features, statusRequest) ||
				slices.Contains(features, statusRequestV2)) {
			return errMustStaple
		}
	}
	return nil
}
