// An installation on Windows.

package install

import (
	"path"
)

// Paths of what is installed on Windows, below the volume of the system. All of it is where nobody
// but administrators may write: in C:\ProgramData anybody may have made the folder before.
const (
	windowsFolder  = "/Program Files/Bailiwick"
	windowsProgram = windowsFolder + "/bailiwick.exe"
	windowsConfig  = windowsFolder + "/bailiwick.yaml"
	windowsState   = windowsFolder + "/State"
	windowsLog     = windowsFolder + "/Log"
	windowsRecord  = "/Program Files/bailiwick.installed"
)

// windowsService is the name of the service, and serviceAccount the account that Windows has for
// it alone.
const (
	windowsService = "bailiwick"
	serviceAccount = `NT SERVICE\` + windowsService
)

// windows adds all of an installation on Windows.
func (m *maker) windows() {
	c := &m.c
	m.needs(path.Dir(windowsFolder))
	m.program()
	m.own(windowsState)
	m.own(windowsLog)
	if !c.Files {
		m.Steps = append(m.Steps, Step{Service: &Service{Name: windowsService,
			Display: "Bailiwick DNS resolver", Account: serviceAccount,
			Argv: []string{c.native(windowsProgram), "serve", "--service", "--config",
				c.native(windowsConfig), "--log", c.native(path.Join(windowsLog,
					"bailiwick.log"))},
			Environment: []string{"STATE_DIRECTORY=" + c.native(windowsState),
				"RUNTIME_DIRECTORY=" + c.native(windowsState)}}})
	}
	// The account exists with the service. The others are the system and the administrators, by
	// numbers: their names are localized.
	for _, folder := range []string{windowsState, windowsLog} {
		m.command([]string{"icacls.exe", c.native(folder), "/inheritance:r", "/grant:r",
			"*S-1-5-18:(OI)(CI)F", "*S-1-5-32-544:(OI)(CI)F", serviceAccount + ":(OI)(CI)M"}, nil)
	}
	m.command([]string{"sc.exe", "start", windowsService}, nil)
	m.wait()
	m.links()
}
