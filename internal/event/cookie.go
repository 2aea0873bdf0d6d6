// What the cookies of clients are worth (RFC 7873).

package event

// CookieKind is what a client's cookie is worth.
type CookieKind uint8

// The kinds.
const (
	CookieNew     CookieKind = iota // the client has no cookie of a server yet
	CookieValid                     // it was made with the current secret
	CookieFormer                    // it was made with another secret that is accepted
	CookieInvalid                   // it is too old, or was made for another address or elsewhere
)

// Label returns the kind as a metric's label.
func (k CookieKind) Label() string { return [...]string{"new", "valid", "former", "invalid"}[k] }

// CookieKinds returns all kinds.
func CookieKinds() []CookieKind {
	return []CookieKind{CookieNew, CookieValid, CookieFormer, CookieInvalid}
}
