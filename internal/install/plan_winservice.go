// An installation on Windows.

package install

import (
	"path"
	"strings"
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
	m.command(powershell(m.everyName()), powershell(noRule))
}

// ruleComment is what the rule of everyName is known by: its own name is made up by Windows.
const ruleComment = "bailiwick install"

// everyName is the script that adds a rule to the Name Resolution Policy Table: every name is asked
// for at the server, whatever adapters say, also those that come later and those of VPNs. Rules for
// zones, as VPNs make for theirs, are more specific and come first (netbirdio/netbird 7071). A rule
// that an earlier installation has left would be a second one.
func (m *maker) everyName() string {
	var servers []string
	for _, a := range m.c.Addresses {
		servers = append(servers, "'"+a.String()+"'")
	}
	return noRule + `Add-DnsClientNrptRule -Namespace '.' -NameServers @(` +
		strings.Join(servers, ", ") + `) -Comment '` + ruleComment + `'`
}

// noRule is the script that removes the rule, if it is there.
const noRule = `Get-DnsClientNrptRule | Where-Object { $_.Comment -eq '` + ruleComment +
	`' } | Remove-DnsClientNrptRule -Force; `
