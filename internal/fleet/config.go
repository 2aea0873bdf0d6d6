package fleet

import (
	"reflect"

	"bailiwick/internal/pemfile"
)

// Config is what the operator decides.
type Config struct {
	// Store is the address of the store: an IP address with port, or unix: and a path; "": there
	// is none. It is no name, as this server may be what looks names up on its machine.
	Store        string
	User         string
	PasswordFile string
	Database     int
	TLSName      string // in the certificate of the store; "": there is no TLS
	TLSRoots     string // file of the authorities that it is issued by; "": the system's
	// TLSCertificate is the file of the certificate that the store is shown, and TLSKey that of its
	// key; "": none is.
	TLSCertificate, TLSKey string
	SecretFile             string
	// Commands is whether this server does what operators give other servers of the fleet to do,
	// and Node what it is called there.
	Commands bool
	Node     string
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{} }

// Settings are a configuration with all that it names.
type Settings struct {
	Config
	Password    string
	Roots       *pemfile.Trusted // nil: the system's
	Certificate *pemfile.Own     // nil: none is shown
	Secrets     []Secret         // the first one writes
}

// equal reports whether two settings are those of the same store.
func (s *Settings) equal(o *Settings) bool {
	mine, other := s.Config, o.Config
	mine.Commands, mine.Node, other.Commands, other.Node = false, "", false, ""
	return mine == other && s.Password == o.Password &&
		reflect.DeepEqual(s.Secrets, o.Secrets) && s.Roots.Equal(o.Roots) &&
		s.Certificate.Equal(o.Certificate)
}
