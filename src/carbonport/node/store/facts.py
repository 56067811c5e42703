"""Single facts about a store (when it was restored, what an operator decided), as named texts."""

from sqlalchemy import Connection, delete, insert, select

from carbonport.node.store.schema import store_facts


def read_fact(connection: Connection, name: str) -> str | None:
    """The text of the fact; None when it was never written."""
    return connection.execute(
        select(store_facts.c.value).where(store_facts.c.name == name)
    ).scalar_one_or_none()


def write_fact(connection: Connection, name: str, value: str) -> None:
    """Set the fact inside the caller's transaction."""
    connection.execute(delete(store_facts).where(store_facts.c.name == name))
    connection.execute(insert(store_facts).values(name=name, value=value))
