print("mtbert-dist")
