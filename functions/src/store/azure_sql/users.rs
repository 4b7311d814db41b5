//! Whom the database lets in: the Entra identities of the other roles.

use super::{
    connect::{Client, User},
    fault::Fault,
};

/// Contained users, made by their client ids: so made, the server asks Entra ID nothing and needs no rights there
/// (`CREATE USER … WITH SID, TYPE = E`). A user whose identity was replaced is made anew. They read and write rows and
/// change no schema.
const ADMIT: &str = "
    SET XACT_ABORT ON;
    BEGIN TRANSACTION;
    DECLARE @sid varbinary(16) = CAST(@P2 AS varbinary(16));
    DECLARE @user nvarchar(260) = QUOTENAME(@P1);
    DECLARE @sql nvarchar(max);
    IF EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @P1 AND sid <> @sid)
    BEGIN
        SET @sql = N'DROP USER ' + @user;
        EXEC (@sql);
    END;
    IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = @P1)
    BEGIN
        SET @sql = N'CREATE USER ' + @user + N' WITH SID = ' + CONVERT(nvarchar(50), @sid, 1) + N', TYPE = E';
        EXEC (@sql);
    END;
    SET @sql = N'ALTER ROLE db_datareader ADD MEMBER ' + @user + N'; ALTER ROLE db_datawriter ADD MEMBER ' + @user;
    EXEC (@sql);
    COMMIT";

/// Does nothing for who is admitted already.
pub(super) async fn admit(client: &mut Client, users: &[User]) -> Result<(), Fault> {
    for user in users {
        let results = client.query(ADMIT, &[&user.name, &user.client_id]).await.map_err(Fault::using)?;
        results.into_results().await.map_err(Fault::using)?;
        tracing::info!(user = user.name, "may read and write");
    }
    Ok(())
}
