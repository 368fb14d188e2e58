# DynamoDB Local as a pod, for scripts/kube-smoke.  The context is the folder with DynamoDBLocal.jar
# that scripts/setup has fetched.
FROM debian:bookworm-slim
# Java's package wants the folder of manuals, which a slim Debian lacks.
RUN mkdir -p /usr/share/man/man1 \
 && apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        openjdk-17-jre-headless \
 && rm -rf /var/lib/apt/lists/* /var/cache/*
COPY . /dynamodb-local
USER 10001:10001
WORKDIR /dynamodb-local
EXPOSE 8000
ENTRYPOINT ["java", "-Xmx1g", "-Djava.library.path=DynamoDBLocal_lib", "-jar", \
            "DynamoDBLocal.jar", "-inMemory", "-sharedDb", "-disableTelemetry", "-port", "8000"]
