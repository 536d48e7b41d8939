-- A shop for music, after the kind of schema that everybody tries things on, as SQLite has it: names in humps, declared types of all
-- kinds, keys that may be NULL, a cycle, a foreign key that names no column, two tables between that associate the same two.
PRAGMA foreign_keys = OFF;
CREATE TABLE [Artist] ([ArtistId] INTEGER PRIMARY KEY, [Name] NVARCHAR(120), [FavouriteAlbumId] INTEGER REFERENCES Album);
CREATE TABLE [Album] ([AlbumId] INTEGER NOT NULL PRIMARY KEY, [Title] NVARCHAR(160) NOT NULL, [ArtistId] INTEGER NOT NULL REFERENCES [Artist] ([ArtistId]));
CREATE INDEX AlbumArtist ON Album (ArtistId);
CREATE TABLE "MediaType" (MediaTypeId INTEGER PRIMARY KEY, Name TEXT UNIQUE);
CREATE TABLE Genre (Code TEXT PRIMARY KEY, Name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE Track (TrackId INTEGER PRIMARY KEY, Name TEXT NOT NULL, AlbumId INT REFERENCES album (albumid), MediaTypeId INTEGER NOT NULL REFERENCES MediaType,
    GenreCode TEXT REFERENCES Genre, UnitPrice NUMERIC(10,2) NOT NULL, Discount DECIMAL(4,1), Listed numeric_text, Milliseconds BIGINT NOT NULL, Loud REAL, Explicit BOOLEAN NOT NULL,
    Cover BLOB, Released DATE, Bought DATETIME, Length TIME, Guid UUID, Extra JSON, Whatever, "half" INTEGER AS (Milliseconds / 2) STORED, Smallish SMALLINT);
CREATE TABLE Playlist (PlaylistId INTEGER PRIMARY KEY, Name TEXT);
CREATE TABLE PlaylistTrack (PlaylistId INTEGER NOT NULL REFERENCES Playlist (PlaylistId), TrackId INTEGER NOT NULL REFERENCES Track (TrackId), PRIMARY KEY (PlaylistId, TrackId));
CREATE TABLE HiddenTrack (TrackId INTEGER NOT NULL REFERENCES Track, PlaylistId INTEGER NOT NULL REFERENCES Playlist, PRIMARY KEY (PlaylistId, TrackId)) WITHOUT ROWID;
CREATE TABLE Employee (EmployeeId INTEGER PRIMARY KEY, LastName TEXT NOT NULL, ReportsTo INTEGER REFERENCES Employee (EmployeeId));
CREATE TABLE Customer (CustomerId INTEGER PRIMARY KEY, SupportRepId INTEGER REFERENCES Employee, Email TEXT NOT NULL);
CREATE TABLE Invoice (InvoiceId INTEGER PRIMARY KEY, CustomerId INTEGER NOT NULL REFERENCES Customer, Placed TIMESTAMP NOT NULL);
CREATE TABLE InvoiceLine (InvoiceId INTEGER NOT NULL REFERENCES Invoice, Line INTEGER NOT NULL, TrackId INTEGER REFERENCES Track, PRIMARY KEY (InvoiceId, Line));
CREATE TABLE Refund (RefundId INTEGER PRIMARY KEY, InvoiceId INTEGER, Line INTEGER, FOREIGN KEY (InvoiceId, Line) REFERENCES InvoiceLine);
CREATE TABLE Loose (A INTEGER, B TEXT, PRIMARY KEY (A, B));
CREATE TABLE Wrong (Id INTEGER PRIMARY KEY, GenreCode INTEGER REFERENCES Genre, Lost INTEGER REFERENCES Nowhere);
CREATE TABLE Log (What TEXT);
CREATE VIEW Cheap AS SELECT * FROM Track WHERE UnitPrice < 1;
INSERT INTO Artist VALUES (1, 'Helm', 1), (2, NULL, NULL);
INSERT INTO Album VALUES (1, 'One', 1), (2, 'Two', 1);
INSERT INTO MediaType VALUES (1, 'MPEG');
INSERT INTO Genre VALUES ('r', 'Rock');
INSERT INTO Track (TrackId, Name, AlbumId, MediaTypeId, GenreCode, UnitPrice, Listed, Milliseconds, Explicit, Bought) VALUES
    (1, 'First', 1, 1, 'r', 0.99, '0.9900', 5000000000, 1, '2020-02-29 12:00:00'), (2, 'Second', 1, 1, NULL, 1.99, NULL, 3, 0, NULL);
UPDATE Track SET Whatever = 5, Discount = 2 WHERE TrackId = 1;
INSERT INTO Playlist VALUES (1, 'All');
INSERT INTO PlaylistTrack VALUES (1, 1), (1, 2);
INSERT INTO HiddenTrack (TrackId, PlaylistId) VALUES (2, 1);
INSERT INTO Employee VALUES (1, 'Ada', NULL), (2, 'Bob', 1);
INSERT INTO Customer VALUES (1, 2, 'eve@example.org');
INSERT INTO Invoice VALUES (1, 1, '2020-01-01 00:00:00');
INSERT INTO InvoiceLine VALUES (1, 1, 1), (1, 2, 2);
INSERT INTO Refund VALUES (1, 1, 2);
INSERT INTO Loose VALUES (1, 'x');
