package main

import "github.com/alecthomas/kong"

const description = `The Manage API console for your own API.

  Start it:            claviger serve
  Make a token:        TOKEN=$(claviger token create acme/orders --label ci --reason "nightly job")
  Cut one off:         claviger token revoke tok_01… --reason "leaked in a build log"
  Add an owner:        claviger user add you@example.com --org acme --role owner

Commands work whether or not the server runs. When one has returned, the running server acts on the change.`

var groups = []kong.Group{
	{Key: "server", Title: "Server:"},
	{Key: "things", Title: "Organizations, applications, APIs, users:"},
	{Key: "credentials", Title: "Credentials:"},
	{Key: "safety", Title: "Record and backup:"},
	{Key: "config", Title: "Configuration:"},
}

// commandLine is every command and flag.
type commandLine struct {
	Config string `help:"Configuration file. Without one, claviger.ini of the working directory if it is there." placeholder:"FILE" env:"CLAVIGER_CONFIG" type:"path"`

	Serve       serveCommand       `cmd:"" group:"server" help:"Run the console and the gateway."`
	Healthcheck healthcheckCommand `cmd:"" group:"server" help:"Ask the running server whether it is well; exit 1 if not."`
	Version     versionCommand     `cmd:"" group:"server" help:"Print the version."`

	Org  orgCommands  `cmd:"" group:"things" help:"Organizations."`
	App  appCommands  `cmd:"" group:"things" help:"Applications and their Basic credentials."`
	API  apiCommands  `cmd:"" name:"api" group:"things" help:"APIs of applications."`
	User userCommands `cmd:"" group:"things" help:"Users."`

	Token  tokenCommands  `cmd:"" group:"credentials" help:"Tokens of applications."`
	Client clientCommands `cmd:"" group:"credentials" help:"OAuth clients of applications and organizations."`

	Keys keysCommands `cmd:"" group:"server" help:"The server's keys."`

	Backup       backupCommand       `cmd:"" group:"safety" help:"Copy the database, beside a running server or without one."`
	Restore      restoreCommand      `cmd:"" group:"safety" help:"Put a backup in place. What was revoked since stays revoked."`
	MigrateStore migrateStoreCommand `cmd:"" group:"safety" help:"Copy an SQLite database into an empty one of PostgreSQL, and compare them."`
	Unconfirmed  unconfirmedCommand  `cmd:"" group:"safety" help:"List the credentials that a restore left unconfirmed."`
	Confirm      confirmCommand      `cmd:"" group:"safety" help:"Let credentials live on that a restore left unconfirmed."`

	Audit auditCommands `cmd:"" group:"safety" help:"The record of every act."`

	Conf configCommands `cmd:"" name:"config" group:"config" help:"Look at the configuration."`
}

type orgCommands struct {
	Add  orgAdd  `cmd:"" help:"Make an organization, with its open sandbox application and echo API."`
	List orgList `cmd:"" help:"List organizations."`
}

type appCommands struct {
	Add          appAdd          `cmd:"" help:"Make an application, with its Basic credentials."`
	List         appList         `cmd:"" help:"List applications."`
	Show         appShow         `cmd:"" help:"Show an application."`
	Set          appSet          `cmd:"" help:"Change how an application may be opened."`
	DisableBasic appDisableBasic `cmd:"" help:"Disable an application's Basic credentials for good. This cannot be undone."`
}

type clientCommands struct {
	Create clientCreate `cmd:"" help:"Make a client; client_id:client_secret alone is printed on standard output, once."`
	List   clientList   `cmd:"" help:"List the clients of an application, or an organization's own."`
	Set    clientSet    `cmd:"" help:"Change from where and how often a client may be used."`
	Revoke clientRevoke `cmd:"" help:"Revoke a client for good, and with it the access tokens issued to it."`
}

type apiCommands struct {
	Add  apiAdd  `cmd:"" help:"Add an API to an application."`
	Set  apiSet  `cmd:"" help:"Change an API's upstream, name or timeout."`
	List apiList `cmd:"" help:"List APIs."`
}

type userCommands struct {
	Add           userAdd           `cmd:"" help:"Add a user to an organization; a new user's password is read from standard input."`
	List          userList          `cmd:"" help:"List users."`
	Set           userSet           `cmd:"" help:"Change a member's role."`
	Remove        userRemove        `cmd:"" help:"End a membership; the user's API tokens for the organization are revoked."`
	ResetPassword userResetPassword `cmd:"" help:"Give a user a new password, read from standard input; their sessions end."`
	Disable       userDisable       `cmd:"" help:"Keep a user from signing in and end their sessions, at once."`
	Enable        userEnable        `cmd:"" help:"Let a disabled user sign in again. What was revoked stays revoked."`
}

type tokenCommands struct {
	Create tokenCreate `cmd:"" help:"Make a token; it alone is printed on standard output, once."`
	List   tokenList   `cmd:"" help:"List an application's tokens."`
	Set    tokenSet    `cmd:"" help:"Change from where and how often a token may be used."`
	Revoke tokenRevoke `cmd:"" help:"Revoke a token for good."`
	Pause  tokenPause  `cmd:"" help:"Make a token be refused until it is resumed."`
	Resume tokenResume `cmd:"" help:"Accept a paused token again."`
}

type keysCommands struct {
	List    keysList    `cmd:"" help:"List the keys and what lives by each."`
	Prepare keysPrepare `cmd:"" help:"Add a key that is recognised and not used yet: where several nodes serve, before a rotation."`
	Rotate  keysRotate  `cmd:"" help:"Make the prepared key, or a new one, the primary one. No credential stops working."`
	Retire  keysRetire  `cmd:"" help:"Take an older key out of the key file. Refused while anything lives by it."`
}

type configCommands struct {
	Check  configCheck  `cmd:"" help:"Check the configuration; every problem is told with file and line."`
	Print  configPrint  `cmd:"" help:"Print every setting with where it comes from; secrets are left out."`
	Sample configSample `cmd:"" help:"Print a claviger.ini with every key, its default and what it does."`
}

// reasonFlag is embedded by acts that take a reason.
type reasonFlag struct {
	Reason string `help:"Why; recorded with the act. Needed where the console asks for an elevation (10 to 500 characters)." placeholder:"TEXT"`
}

// jsonFlag is embedded by commands that programs read.
type jsonFlag struct {
	JSON bool `name:"json" help:"Print JSON."`
}
