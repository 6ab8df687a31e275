"""tmp"""

from dashboards.services import Services

PREFIX = "/ui/"


def create_pages(services: Services, *, api_key: str | None):
    async def app(scope, receive, send):
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-type", b"text/html")],
            }
        )
        await send({"type": "http.response.body", "body": b"x"})

    return app, lambda: "default-src 'self'"
