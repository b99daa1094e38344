SwaggerUIBundle({
  dom_id: '#api',
  url: 'openapi.yaml',
  deepLinking: true,
  docExpansion: 'none',
  filter: true,
  operationsSorter: 'alpha',
  tagsSorter: 'alpha',
  tryItOutEnabled: true,
  persistAuthorization: false,
});
